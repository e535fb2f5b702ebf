package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// fetchTimeout bounds a first download.
const fetchTimeout = 20 * time.Minute

// maven returns a directory with the jars that a pom names, from the cache
// under name if they were fetched before.
func maven(t testing.TB, name string, pom []byte) string {
	t.Helper()
	dir := filepath.Join(cache(t), name)
	must(t, os.MkdirAll(dir, 0o700))
	defer lock(t, filepath.Join(dir, "lock"))() // other test binaries want the same
	jars, done := filepath.Join(dir, "lib"), filepath.Join(dir, "complete")
	if _, err := os.Stat(done); err == nil {
		return jars
	}
	must(t, os.RemoveAll(jars))
	must(t, os.WriteFile(filepath.Join(dir, "pom.xml"), pom, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), fetchTimeout)
	defer cancel()
	t.Logf("fetching %s", name)
	cmd := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+jars)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("fetch %s with Maven: %v\n%s", name, err, out)
	}
	must(t, os.WriteFile(done, nil, 0o600))
	return jars
}

func cache(t testing.TB) string {
	t.Helper()
	dir, err := cacheDir()
	must(t, err)
	return dir
}

func cacheDir() (string, error) {
	if dir := os.Getenv("SHIPLOG_INTEGRATION_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "shiplog-integration"), err
}

// lock waits for a file lock. The returned function gives it up.
func lock(t testing.TB, name string) func() {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock %s: %v", name, err)
	}
	return func() { _ = f.Close() }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("harness: %w", err))
	}
}
