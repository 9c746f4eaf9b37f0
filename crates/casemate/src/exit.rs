//! How the program ends. Stable: scripts and pipelines rely on it.

use std::process::ExitCode;

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; or the gate allows, perhaps with warnings.
    Ok,
    /// The command line or a configuration file is wrong.
    Usage,
    /// The program failed.
    Internal,
    /// The gate warns, and was asked to say so.
    Warned,
    /// The gate, a scan or a play holds.
    Blocked,
    /// Something could not be looked at, and the configuration says that this holds.
    Incomplete,
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 2,
            Self::Internal => 3,
            Self::Warned => 10,
            Self::Blocked => 20,
            Self::Incomplete => 30,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
