//go:build tools

// What is built from here besides main.go: helm, from the same packages, so that most of them are compiled once.
package main

import _ "helm.sh/helm/v3/cmd/helm"
