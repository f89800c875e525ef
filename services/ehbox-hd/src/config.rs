//! Settings of the stand-alone service.
