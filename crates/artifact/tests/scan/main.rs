//! The scanner from outside: fixtures are assembled here or written as hex, never loadable files in the repository.

#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

mod assemble;
mod containers;
mod differential;
mod formats;
mod limits;
mod limits_inside;
mod limits_parsers;
mod loaders;
mod more_formats;
mod named_code;
mod pickles;
mod zip_views;
