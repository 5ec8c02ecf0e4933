/* The part of <stddef.h> that an ABI header may use, for parsing alone. */
#ifndef WTRT_GENERATOR_STDDEF_H
#define WTRT_GENERATOR_STDDEF_H
typedef __SIZE_TYPE__ size_t;
#define NULL ((void*)0)
#endif
