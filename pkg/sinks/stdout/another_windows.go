package stdout

import "os"

// another returns f: there is no SIGPIPE here that one would have to evade.
func another(f *os.File) (*os.File, error) { return f, nil }
