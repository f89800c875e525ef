//! Steps 5 to 6 and back: healthdata's eHBox messaging client.
