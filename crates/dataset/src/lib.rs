//! Tables: readers, column profiles and checks on data sets.
