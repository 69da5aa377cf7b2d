"""What differs between environments: typed values, validated before any construct is made."""
