//! What the stream does with records in every split.
