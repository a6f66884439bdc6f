// WeightSharing
