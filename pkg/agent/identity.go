package agent

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/shiplog/shiplog/pkg/atomicfile"
)

// identity returns the name by which destinations know this agent for ever: it
// is made once for a data directory. A transactional id, a channel and an offset
// group are built on it.
func identity(dataDir string) (string, error) {
	name := filepath.Join(dataDir, "agent-id")
	text, err := os.ReadFile(name) // #nosec G304 -- in our own directory
	if id := strings.TrimSpace(string(text)); err == nil && id != "" {
		return id, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the agent's identity: %w", err)
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand's documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
	if err := atomicfile.Write(name, []byte(id+"\n"), 0o600); err != nil {
		return "", err
	}
	return id, nil
}
