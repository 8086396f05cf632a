/* Inside a file that is included once per precision: real is float, vr is vf, VR(add) is vf_add, ... */
#define real float
#define vr vf
#define VR(operation) vf_##operation
#define VR_LANES VF_LANES
#define VR_MAGIC VF_MAGIC
#define VR_STEPS VF_STEPS
#define VR_TILE VF_TILE
#define FD_DOUBLE 0
#define FD_REAL_NAME(f) FD_NAME(f##_float)
