#ifndef CASYNCMITOGEN_H
#define CASYNCMITOGEN_H
#include <stdint.h>
#endif
