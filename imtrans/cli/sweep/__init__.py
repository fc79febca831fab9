"""`imtrans sweep`: many trainings of one recipe with values drawn by Optuna."""
