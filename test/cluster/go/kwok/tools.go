//go:build tools

// Names what is built from here: kwok, whose Kubernetes packages are newer than the cluster's.
package main

import _ "sigs.k8s.io/kwok/cmd/kwok"
