// Command release writes the work tree as a file-system module proxy, so that
// what a release will hand to its users can be fetched, built and measured
// before a tag exists.
//
//	release -version v0.1.0 -root . -out DIR
//
// Every module outside internal/ is published, in dependency order. Each zip
// holds the files that git tracks, with their present content: nested modules
// left out, the LICENSE of the root copied into modules without one. Every
// published go.mod has to require its siblings at the given version. Modules
// under examples/ are templates that users copy, so their replace lines are
// dropped, their sibling requires set to the version, and the siblings' sums
// added to go.sum.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	version := flag.String("version", "", "version of every module, such as v0.1.0")
	root := flag.String("root", ".", "root of the work tree")
	out := flag.String("out", "", "folder to write the proxy into")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	published, err := publish(ctx, *root, *out, *version)
	for _, m := range published {
		fmt.Printf("%s@%s\t%d files\t%d bytes\n", m.path, *version, len(m.files), m.zipBytes)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		stop()
		os.Exit(1)
	}
}
