package elasticsearch

import (
	"os"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
)

// The example with every key in the documentation is one that works.
func TestDocumentedConfig(t *testing.T) {
	t.Setenv("ES_API_KEY", "secret")
	text, err := os.ReadFile("../../../docs/sinks/elasticsearch.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")
	example, _, _ := strings.Cut(blocks[len(blocks)-1], "```")
	_, example, _ = strings.Cut(example, "  elastic:\n")
	section, err := config.ParseSection("elasticsearch.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Factory().Decode(section); err != nil {
		t.Error(err)
	}
}
