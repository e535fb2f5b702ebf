package splunkhec

import (
	"os"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
)

// The example with every key in the documentation is one that works.
func TestDocumentedConfig(t *testing.T) {
	t.Setenv("SPLUNK_HEC_TOKEN", "secret")
	text, err := os.ReadFile("../../../docs/sinks/splunk_hec.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```yaml\n")
	example, _, _ := strings.Cut(blocks[len(blocks)-1], "```")
	_, example, _ = strings.Cut(example, "  splunk:\n")
	section, err := config.ParseSection("splunk_hec.md", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Factory().Decode(section); err != nil {
		t.Error(err)
	}
}
