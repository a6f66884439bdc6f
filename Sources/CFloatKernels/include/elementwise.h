#pragma once
#include "isa.h"
