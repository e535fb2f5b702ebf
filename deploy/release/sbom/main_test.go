package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBillOfTheAgent(t *testing.T) {
	self := filepath.Join(t.TempDir(), "agent")
	if out, err := exec.Command("go", "build", "-o", self, "../../../cmd/agent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(out, self, "1.2.3", moduleCache()); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("two bills of one binary differ")
	}
	var b bill
	if err := json.Unmarshal(first.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Version != "1.2.3" || !strings.HasPrefix(b.Serial, "urn:uuid:") || len(b.Serial) != 45 {
		t.Errorf("got %+v", b.Metadata)
	}
	found := false
	for _, c := range b.Components {
		if len(c.Licenses) == 0 {
			t.Errorf("the licence of %s is not known: read it, and teach recognise", c.Name)
		}
		if c.Name == "github.com/spf13/cobra" {
			found = c.PURL == "pkg:golang/github.com/spf13/cobra@"+c.Version && len(c.Licenses) == 1 && c.Licenses[0].License.ID == "Apache-2.0"
		}
	}
	if !found {
		t.Errorf("github.com/spf13/cobra is not as it should be in %s", first.String())
	}
}

func TestRecognise(t *testing.T) {
	for id, text := range map[string]string{
		"Apache-2.0":   "Apache License\n   Version 2.0, January 2004",
		"MIT":          "Permission is hereby granted, free of\ncharge, to any person",
		"BSD-2-Clause": "Redistribution and use in source and binary forms, with or without",
		"BSD-3-Clause": "Redistribution and use in source and binary forms … Neither the name of",
		"":             "all rights reserved",
	} {
		if got := recognise(text); got != id {
			t.Errorf("got %q, want %q", got, id)
		}
	}
}
