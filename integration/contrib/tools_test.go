//go:build integration

package contrib

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// shipped is the directory of the files under test.
const shipped = "../../contrib"

// run runs a command and returns its output; a failure ends the test with it.
func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes()
}

// install installs a package of Debian or its like.
func install(t *testing.T, name string) {
	t.Helper()
	sudo := func(args ...string) {
		if os.Geteuid() != 0 {
			args = append([]string{"sudo", "-n"}, args...)
		}
		run(t, nil, args[0], args[1:]...)
	}
	sudo("apt-get", "update", "-q")
	sudo("apt-get", "install", "-qy", "--no-install-recommends", name)
}

var building sync.Mutex // one test makes the environment, the others find it

// python gives a program of the virtual environment that requirements.txt
// describes. It is made anew when that file changes.
func python(t *testing.T, program string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	wanted, err := os.ReadFile("requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(wanted)
	dir := filepath.Join(cache(t), "python-"+hex.EncodeToString(sum[:6]))
	ready := filepath.Join(dir, "ready")
	if _, err := os.Stat(ready); err != nil {
		if err := os.RemoveAll(dir); err != nil { // half made
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "python3", "-m", "venv", dir).CombinedOutput(); err != nil {
			t.Logf("python3 -m venv: %v: %s", err, out)
			install(t, "python3-venv")
			run(t, nil, "python3", "-m", "venv", "--clear", dir)
		}
		run(t, nil, filepath.Join(dir, "bin", "pip"), "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt")
		if err := os.WriteFile(ready, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "bin", program)
}

func cache(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SHIPLOG_INTEGRATION_CACHE")
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(base, "shiplog-integration")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
