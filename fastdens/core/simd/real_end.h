/* Forgets one precision, so that the file can be included for the next. */
#undef real
#undef vr
#undef VR
#undef VR_LANES
#undef VR_MAGIC
#undef VR_STEPS
#undef VR_TILE
#undef FD_DOUBLE
#undef FD_REAL_NAME
