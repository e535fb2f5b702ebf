// Command sbom writes the bill of materials of a Go binary, as CycloneDX 1.5
// JSON (https://cyclonedx.org/docs/1.5/json/): the modules that the linker put
// into it, by what the binary itself says, with the licences that their sources
// name. The same binary gives the same bytes.
//
//	go run ./deploy/release/sbom -version 1.2.3 bin/agent > sbom.cdx.json
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	version := flag.String("version", "", "version of the binary")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: sbom [-version V] BINARY")
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), *version, moduleCache()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// What we use of CycloneDX.
type (
	bill struct {
		Format      string      `json:"bomFormat"`
		SpecVersion string      `json:"specVersion"`
		Serial      string      `json:"serialNumber"`
		Version     int         `json:"version"`
		Metadata    metadata    `json:"metadata"`
		Components  []component `json:"components"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type       string     `json:"type"`
		Ref        string     `json:"bom-ref"`
		Name       string     `json:"name"`
		Version    string     `json:"version,omitempty"`
		Hashes     []hash     `json:"hashes,omitempty"`
		Licenses   []license  `json:"licenses,omitempty"`
		PURL       string     `json:"purl,omitempty"`
		Properties []property `json:"properties,omitempty"`
	}
	hash struct {
		Alg     string `json:"alg"`
		Content string `json:"content"`
	}
	license struct {
		License struct {
			ID string `json:"id"`
		} `json:"license"`
	}
	property struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
)

func run(w io.Writer, binary, version, cache string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(binary) // #nosec G304 -- the caller named it
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	b := bill{
		Format:      "CycloneDX",
		SpecVersion: "1.5",
		Serial:      serial(sum),
		Version:     1,
	}
	b.Metadata.Component = component{
		Type: "application", Ref: info.Main.Path, Name: info.Main.Path, Version: version,
		Hashes:   []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Licenses: []license{licensed("Apache-2.0")},
	}
	b.Components = append(b.Components, component{
		Type: "library", Ref: "std", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"),
		Licenses: []license{licensed("BSD-3-Clause")}, PURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
	})
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		c, err := describe(m, cache)
		if err != nil {
			return err
		}
		b.Components = append(b.Components, c)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}

// serial makes a UUID (RFC 9562, version 8: of our own making) of a hash.
func serial(sum [32]byte) string {
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

func describe(m *debug.Module, cache string) (component, error) {
	c := component{Type: "library", Name: m.Path, Version: m.Version}
	c.PURL = "pkg:golang/" + m.Path + "@" + m.Version
	c.Ref = c.PURL
	if m.Sum != "" {
		c.Properties = []property{{"golang:h1", m.Sum}}
	}
	id, err := licenseOf(m, cache)
	if err != nil {
		return c, err
	}
	if id != "" {
		c.Licenses = []license{licensed(id)}
	}
	return c, nil
}

func licensed(id string) license {
	var l license
	l.License.ID = id
	return l
}

func moduleCache() string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	gopath := os.Getenv("GOPATH")
	if gopath == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		gopath = filepath.Join(home, "go")
	}
	return filepath.Join(filepath.SplitList(gopath)[0], "pkg", "mod")
}

// licenseOf reads a module's licence; empty where its text is not known to us.
func licenseOf(m *debug.Module, cache string) (string, error) {
	files, err := filepath.Glob(filepath.Join(cache, filepath.FromSlash(escape(m.Path))+"@"+escape(m.Version), "*"))
	if err != nil {
		return "", err
	}
	for _, f := range files {
		name := strings.ToUpper(filepath.Base(f))
		if !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(f) // #nosec G304 -- in the module cache
		if err != nil {
			continue // a directory
		}
		if id := recognise(string(text)); id != "" {
			return id, nil
		}
	}
	return "", nil
}

// escape writes a capital letter as the module cache does
// (https://go.dev/ref/mod#module-cache).
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// recognise tells a licence by words that it alone has; by SPDX's names.
func recognise(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("Apache License") && has("Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("Redistribution and use in source and binary forms"):
		if has("Neither the name") || has("The names of its contributors may not") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("Permission is hereby granted, free of charge"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software"), has("Permission to use, copy, modify, and distribute this software"):
		return "ISC"
	}
	return ""
}
