//! What each stage kind is: parameters, ports and checks.
