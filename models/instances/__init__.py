"""Networks that say where each single cell is: how they learn, find and are measured."""
