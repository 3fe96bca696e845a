#include "CAsyncMitogen.h"
