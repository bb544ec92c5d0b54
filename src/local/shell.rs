//! What the operator's shell and manual take: completions and man pages, made from the command line itself.
