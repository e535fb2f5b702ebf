package prefectcloud

import (
	"os"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
)

// The example with every key in the documentation is one that works.
func TestDocumentedConfig(t *testing.T) {
	t.Setenv("PREFECT_ACCOUNT_ID", accountA)
	t.Setenv("PREFECT_API_KEY", "secret")
	text, err := os.ReadFile("../../../docs/sources/prefect_cloud.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")
	example, _, _ := strings.Cut(blocks[len(blocks)-1], "```")
	_, example, _ = strings.Cut(example, "  cloud:\n")
	section, err := config.ParseSection("prefect_cloud.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Factory().Decode(section); err != nil {
		t.Error(err)
	}
}
