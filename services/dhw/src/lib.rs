//! Step 7: the data warehouse's validation.
