package config_test

import (
	"testing"

	"github.com/shiplog/shiplog/pkg/config"
)

func kinds() config.Kinds {
	a, b := defaults(), defaults()
	b.Mode = "poll"
	return config.Kinds{
		Sources:    []config.Kind{{Name: "one", Settings: &a}},
		Sinks:      []config.Kind{{Name: "one", Settings: &a}, {Name: "two", Settings: &b}},
		Processors: []config.Kind{{Name: "drop", Settings: new(string), Doc: "What is dropped."}, {Name: "host", Settings: &host{}}},
	}
}

func TestSchema(t *testing.T) {
	got, err := config.Schema(kinds())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", string(got)+"\n")
}

func TestReference(t *testing.T) { golden(t, "reference.md", config.Reference(kinds())) }
