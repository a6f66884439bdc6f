/// For the implementation only: what is easier in C.
#ifndef SHRINK_SUPPORT_H
#define SHRINK_SUPPORT_H

/// Keeps a copy of `text` for `shrink_last_error` on this thread, cut where it is too long.
void shrink_set_last_error(const char *text);

/// Gives memory that was freed back to the system. What loading a model needs for a moment is three
/// times the size of what stays, and glibc keeps it otherwise.
void shrink_return_free_memory(void);

#endif
