"""The asv suite of fastdens: one file per compiled topic, named like it; see ../README.md."""
