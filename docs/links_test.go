package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		if strings.HasPrefix(page, "contrib/") {
			continue // has a test of its own
		}
		for _, to := range links(text) {
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue // the network is not asked
			}
			file, anchor, _ := strings.Cut(to, "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, to)
				continue
			}
			if other, isPage := all[target]; isPage && anchor != "" && !anchors(other)[anchor] {
				t.Errorf("%s links to %s, and that page has no such heading", page, to)
			}
		}
	}
}

// The index lists every page, so that none is written and never found.
func TestEveryPageIsInTheIndex(t *testing.T) {
	all := pages(t)
	listed := map[string]bool{"docs/README.md": true}
	for _, to := range links(all["docs/README.md"]) {
		file, _, _ := strings.Cut(to, "#")
		listed[path.Join("docs", file)] = true
	}
	for page := range all {
		if strings.HasPrefix(page, "docs/") && !strings.HasPrefix(page, "docs/adr/") && !listed[page] {
			t.Errorf("docs/README.md does not list %s", page)
		}
	}
}
