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
	"github.com/shiplog/shiplog/pkg/event"
)

// identity returns the name by which destinations know this agent for ever: it
// is made once for a data directory. A transactional id, a channel and an offset
// group are built on it.
func identity(dataDir string) (string, error) {
	id, err := knownIdentity(dataDir)
	if err != nil || id != "" {
		return id, err
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand's documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id = fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
	if err := atomicfile.Write(filepath.Join(dataDir, identityFile), []byte(id+"\n"), 0o600); err != nil {
		return "", err
	}
	return id, nil
}

// Shipper is who ships the events of a data directory, as far as it is known
// there: for what shows them as they are shipped.
func Shipper(dataDir, version, journal string) (*event.Shipper, error) {
	id, err := knownIdentity(dataDir)
	if err != nil {
		return nil, err
	}
	return event.NewShipper(id, hostName(), version, journal), nil
}

// hostName is what people call this machine; empty where it has no name.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

const identityFile = "agent-id"

// knownIdentity reads the identity; empty where there is none yet.
func knownIdentity(dataDir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, identityFile)) // #nosec G304 -- in our own directory
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the agent's identity: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
