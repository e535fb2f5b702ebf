package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agent": main})
}

// TestScripts runs the real command, one theme a script.
func TestScripts(t *testing.T) {
	configs, err := filepath.Abs("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CONFIGS", configs)
			env.Setenv("SAMPLES", filepath.Join(configs, "samples"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"flip":  flip,

			"eventually": eventually,
			"freeport":   freeport,
		},
	})
}

// exits CODE COMMAND… runs a command and wants that exit code of it.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// flip FILE OFFSET flips one bit of a file, as a failing disk would.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	name := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := os.ReadFile(name)
	ts.Check(err)
	if at >= len(data) {
		ts.Fatalf("%s has %d bytes", name, len(data))
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(name, data, 0o600))
}

// eventually COMMAND… runs a command again and again until it succeeds.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually COMMAND [ARG…]")
	}
	limit := time.After(5 * time.Minute)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%v has not succeeded: %v", args, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeport VAR sets a variable to an address of loopback that is free, and that
// stays free until the agent takes it: its port is none of those that systems
// give to whoever asks for any, nor of those that the tests in e2e take.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VAR")
	}
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(6000))))
		if err != nil {
			continue // it is in use
		}
		ts.Check(l.Close())
		ts.Setenv(args[0], l.Addr().String())
		return
	}
	ts.Fatalf("no port is free")
}
