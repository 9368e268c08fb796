"""What every benchmark here needs: servers that are started and ended, figures read from the kernel, documents kept fresh."""
