"""Experiments: recipes -> runs -> weight files, scores, tables and plots."""
