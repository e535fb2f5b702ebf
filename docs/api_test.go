package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// The page of the API has the routes that the listener has, and no others.
func TestEveryRouteIsOnItsPage(t *testing.T) {
	routes := func(file, pattern string) []string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			all = append(all, string(m[1]))
		}
		slices.Sort(all)
		return all
	}
	const route = `((?:GET|POST) /(?:api/|metrics|healthz|readyz)[^"` + "`" + `]*)`
	code, page := routes("pkg/admin/server.go", `"`+route+`"`), routes("docs/api.md", "(?m)^\\| `"+route+"`")
	if len(code) < 10 || !slices.Equal(code, page) {
		t.Errorf("the listener has\n%q\nthe page has\n%q", code, page)
	}
}
