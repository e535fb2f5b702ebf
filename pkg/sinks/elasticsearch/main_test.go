package elasticsearch

import (
	"flag"
	"testing"

	"github.com/shiplog/shiplog/pkg/leaktest"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestMain(m *testing.M) { leaktest.Main(m) }
