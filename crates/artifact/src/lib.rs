//! The model artifact scanner: containers, the symbolic pickle machine, format readers. Never runs what it reads.
