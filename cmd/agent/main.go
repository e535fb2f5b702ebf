// Command agent is shiplog: a sidecar that ships audit events to SIEMs, and can
// prove that nothing is missing and nothing was altered.
package main

import (
	"os"

	"github.com/shiplog/shiplog/cmd/agent/cli"
	"github.com/shiplog/shiplog/pkg/agent"
)

// Stamped by the release build.
var version, commit string

func main() {
	os.Exit(cli.Main(cli.Build{Version: version, Commit: commit}, agent.Builtin()))
}
