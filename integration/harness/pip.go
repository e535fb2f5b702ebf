package harness

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pip returns the bin directory of a virtual environment of Python with a
// package in it, from the cache under name if it was made before.
func pip(t testing.TB, name, requirement string) string {
	t.Helper()
	dir := filepath.Join(cache(t), name)
	must(t, os.MkdirAll(dir, 0o700))
	defer lock(t, filepath.Join(dir, "lock"))() // other test binaries want the same
	venv, done := filepath.Join(dir, "venv"), filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return filepath.Join(venv, "bin")
	}
	must(t, os.RemoveAll(venv))
	ctx, cancel := context.WithTimeout(t.Context(), fetchTimeout)
	defer cancel()
	t.Logf("fetching %s", name)
	for _, args := range [][]string{
		{"python3", "-m", "venv", venv},
		{filepath.Join(venv, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", requirement},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("fetch %s with pip: %v\n%s", name, err, out)
		}
	}
	must(t, os.WriteFile(done, nil, 0o600))
	return filepath.Join(venv, "bin")
}
