// Package docs_test holds the documentation to the program: every config in it
// loads, every command that can run here is run, links lead somewhere, and the
// generated pages are what the code generates.
package docs_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/shiplog/shiplog/cmd/agent/cli"
	"github.com/shiplog/shiplog/pkg/agent"
)

var update = flag.Bool("update", false, "write the generated pages instead of comparing them")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"agent": func() { os.Exit(cli.Main(cli.Build{}, agent.Builtin())) },
	})
}

// root is the repository, as seen from this package.
const root = ".."

// pages are the Markdown files that users read, by path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(d.Name(), ".") && name != "."
		if d.IsDir() && (hidden || d.Name() == "testdata" || d.Name() == "dist" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		all[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d pages: the test looks in the wrong place", len(all))
	}
	return all
}
