package deploy

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What systemd says of the unit, which docs/install.md quotes. 10 is no
// protection at all.
const mostExposed = 1.1

func TestSystemdUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	unit := filepath.Join("..", "systemd", "shiplog.service")
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, after, _ := strings.Cut(string(out), "Overall exposure level for shiplog.service: ")
	figure, _, _ := strings.Cut(after, " ")
	exposed, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if exposed > mostExposed {
		t.Errorf("exposure %.1f, want %.1f at most:\n%s", exposed, mostExposed, out)
	}
}
