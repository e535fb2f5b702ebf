package harness

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// compileTimeout bounds the compilation of one small class.
const compileTimeout = 10 * time.Minute

//go:embed java/*.java
var javaSources embed.FS

// compile returns a jar of one class that stands in java/, compiled against the
// jars of a directory. It is kept in the cache.
func compile(t testing.TB, class, jars string) string {
	t.Helper()
	source, err := javaSources.ReadFile("java/" + class + ".java")
	must(t, err)
	sum := sha256.Sum256(append(source, jars...))
	dir := filepath.Join(cache(t), "java-"+class+"-"+hex.EncodeToString(sum[:4]))
	must(t, os.MkdirAll(dir, 0o700))
	defer lock(t, filepath.Join(dir, "lock"))()
	jar, classes := filepath.Join(dir, class+".jar"), filepath.Join(dir, "classes")
	if _, err := os.Stat(jar); err == nil {
		return jar
	}
	file := filepath.Join(dir, class+".java")
	must(t, os.WriteFile(file, source, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), compileTimeout)
	defer cancel()
	half := jar + ".half"
	for _, args := range [][]string{
		{"javac", "-nowarn", "-cp", filepath.Join(jars, "*"), "-d", classes, file},
		{"jar", "--create", "--file", half, "-C", classes, "."},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("compile %s: %s: %v\n%s", class, args[0], err, out)
		}
	}
	must(t, os.Rename(half, jar))
	return jar
}
