/// For the implementation only: how it says what went wrong.
#ifndef SHRINK_LAST_ERROR_H
#define SHRINK_LAST_ERROR_H

/// Keeps a copy of `text` for `shrink_last_error` on this thread, cut where it is too long.
void shrink_set_last_error(const char *text);

#endif
