//! Why a definition or a list cannot be used.

/// A fault in a definition's files. Names the file and the place in it.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// A file or folder cannot be read.
    #[error("read {file}: {source}")]
    Read {
        /// The file or folder.
        file: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The JSON does not have the format's shape.
    #[error("read {file}, line {line}, column {column}, at {path}: {reason}")]
    Json {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// JSON path of the place.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The shape is right, but the meaning is not.
    #[error("understand {file}, at {path}: {reason}")]
    Meaning {
        /// The file.
        file: String,
        /// JSON path of the place.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A code list cannot be used.
    #[error("read the code list {file}, line {line}: {reason}")]
    List {
        /// The file.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}
