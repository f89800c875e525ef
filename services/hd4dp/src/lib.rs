//! Steps 1 to 3 and back: the hospital's registration application.
