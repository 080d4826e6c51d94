"""What a recorded movement says: joint angles, repetitions, range of motion, symmetry."""
