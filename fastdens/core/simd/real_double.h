/* Inside a file that is included once per precision: real is double, vr is vd, VR(add) is vd_add, ... */
#define real double
#define vr vd
#define VR(operation) vd_##operation
#define VR_LANES VD_LANES
#define VR_MAGIC VD_MAGIC
#define VR_STEPS VD_STEPS
#define VR_TILE VD_TILE
#define FD_DOUBLE 1
#define FD_REAL_NAME(f) FD_NAME(f##_double)
